package smartbackend

// Narrow, Covers and Why compare scopes.
var Narrow, Covers, Why = scopes{}.Narrow, scopes{}.Covers, scopes{}.Why
