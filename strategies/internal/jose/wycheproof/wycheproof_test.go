// Package wycheproof runs the JSON Web tests of Wycheproof (github.com/c2sp/wycheproof,
// Apache-2.0). It is a module of its own because the vectors have megabytes.
package wycheproof

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

type file struct {
	NumberOfTests int
	TestGroups    []struct {
		Public, Private json.RawMessage
		Tests           []vector
	}
}

type vector struct {
	TcID            int
	Comment, Result string
	JWS, JWE        json.RawMessage // a string, or one of the JSON forms
	public          json.RawMessage
}

// key holds the members of a JWK that show how to configure it.
type key struct {
	Kty, Kid, Alg, K string
	Keys             []json.RawMessage
}

// The vectors whose result differs from ours, and why.
var (
	algorithmOfKey = "the alg of the JWK is not that of the header: one key, one algorithm"
	noAlgorithm    = "the JWK's alg ES521 does not exist"
	sameAsValid    = "labelled invalid, but byte for byte the valid vector 357"
	illegal        = "labelled valid, but there is a character that base64url has not"
	roca           = "a modulus of the ROCA kind, for which there is no check"

	deviations = map[string]map[int]string{
		"json_web_signature_test.json": {
			346: algorithmOfKey, 350: algorithmOfKey, 347: noAlgorithm, 351: noAlgorithm,
			367: sameAsValid, 370: sameAsValid, 372: illegal, 373: illegal,
		},
		"json_web_key_test.json":    {7: roca},
		"json_web_crypto_test.json": {46: roca},
	}
)

func load(t *testing.T, name string) []vector {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			if v.public = g.Public; v.public == nil {
				v.public = g.Private
			}
			vectors = append(vectors, v)
		}
	}
	if len(vectors) == 0 || len(vectors) != f.NumberOfTests {
		t.Fatalf("%s: %d vectors, want %d", name, len(vectors), f.NumberOfTests)
	}
	return vectors
}

func TestJWS(t *testing.T) {
	for name, want := range map[string]int{"json_web_signature_test.json": 401, "json_web_key_test.json": 26, "json_web_crypto_test.json": 49} {
		t.Run(name, func(t *testing.T) {
			run, valid := 0, 0
			for _, v := range load(t, name) {
				if v.JWS == nil {
					continue
				}
				run++
				accepted := verify(t, v.public, text(v.JWS)) == nil
				if accepted {
					valid++
				}
				why, deviates := deviations[name][v.TcID]
				if agrees := accepted == (v.Result == "valid"); agrees == deviates {
					t.Errorf("tcId %d (%s), labelled %s: accepted %v; deviation: %q", v.TcID, v.Comment, v.Result, accepted, why)
				}
			}
			if run != want || valid == 0 {
				t.Errorf("%d vectors run and %d accepted, want %d run", run, valid, want)
			}
		})
	}
}

// JWE is refused everywhere, valid or not.
func TestJWE(t *testing.T) {
	for name, want := range map[string]int{"json_web_encryption_test.json": 139, "json_web_crypto_test.json": 34} {
		t.Run(name, func(t *testing.T) {
			run := 0
			for _, v := range load(t, name) {
				if v.JWE == nil {
					continue
				}
				run++
				if verify(t, v.public, text(v.JWE)) == nil {
					t.Errorf("tcId %d (%s): accepted", v.TcID, v.Comment)
				}
			}
			if run != want {
				t.Errorf("%d vectors run, want %d", run, want)
			}
		})
	}
}

// text returns a compact token, or a JSON form as it is.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// verify verifies token under the group's keys, as an operator would configure them.
func verify(t *testing.T, keys json.RawMessage, token string) error {
	t.Helper()
	source, algorithms, err := configure(t, keys, token)
	if err != nil {
		return err
	}
	j, err := jose.ParseJWS(token)
	if err != nil {
		return err
	}
	_, err = j.Verify(t.Context(), token, &jose.Config{Keys: source, Algorithms: algorithms}, nil)
	return err
}

func configure(t *testing.T, raw json.RawMessage, token string) (jose.Source, []string, error) {
	t.Helper()
	var k key
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	if k.Keys == nil {
		k.Keys = []json.RawMessage{raw}
	}
	var secrets []key
	for _, member := range k.Keys {
		var s key
		if err := json.Unmarshal(member, &s); err != nil {
			t.Fatal(err)
		}
		if s.Kty == "oct" {
			secrets = append(secrets, s)
		}
	}
	if len(secrets) == len(k.Keys) {
		return secret(t, secrets, token)
	}
	set, err := json.Marshal(map[string]any{"keys": k.Keys})
	if err != nil {
		t.Fatal(err)
	}
	public, _, err := jose.ParseJWKS(set)
	return jose.Keys(public), jose.Asymmetric(), err
}

// secret configures the one secret that the token's kid names: secrets have no key IDs
// of their own.
func secret(t *testing.T, secrets []key, token string) (jose.Source, []string, error) {
	t.Helper()
	var named []key
	for _, s := range secrets {
		if len(secrets) == 1 || s.Kid == kid(token) {
			named = append(named, s)
		}
	}
	if len(named) != 1 {
		return nil, nil, errors.New("not one secret of that name")
	}
	algorithms := []string{named[0].Alg}
	if err := jose.CheckAlgorithms(algorithms, true, nil); err != nil {
		return nil, nil, err
	}
	b, err := base64.RawURLEncoding.DecodeString(named[0].K)
	if err != nil {
		t.Fatal(err)
	}
	var p config.Problems
	keys := jose.HMACKeys(&p, "secrets", [][]byte{b}, algorithms)
	return jose.Secrets(func(context.Context) ([]*jose.Key, error) { return keys, nil }), algorithms, p.Err()
}

func kid(token string) string {
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	var header key
	if err != nil || json.Unmarshal(b, &header) != nil {
		return ""
	}
	return header.Kid
}
