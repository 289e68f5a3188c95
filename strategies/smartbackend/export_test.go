package smartbackend

// Narrow and Covers compare scopes.
var Narrow, Covers = scopes{}.Narrow, scopes{}.Covers
