package sigv4

import "net/http"

func (v *Verifier) Explain(r *http.Request) string { return "" }
