package redoxtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestMessagesAreWhatTheySay(t *testing.T) {
	var admin struct {
		Meta struct {
			DataModel, EventType string
			Logs                 []struct{ ID, AttemptID string }
		}
		Patient struct{ Identifiers []struct{ ID, IDType string } }
	}
	if err := json.Unmarshal(redoxtest.PatientAdmin(), &admin); err != nil || admin.Meta.DataModel != "PatientAdmin" || len(admin.Meta.Logs) != 1 || len(admin.Patient.Identifiers) != 1 {
		t.Errorf("PatientAdmin: %v, %+v", err, admin)
	}
	if bytes.Equal(redoxtest.PatientAdmin(), redoxtest.PatientAdmin()) {
		t.Error("PatientAdmin: two messages have the same log ID, by which receivers find duplicates")
	}
	var bundle struct {
		ResourceType, Type string
		Entry              []struct{ Resource struct{ ResourceType string } }
	}
	if err := json.Unmarshal(redoxtest.FHIRBundle(), &bundle); err != nil || bundle.ResourceType != "Bundle" || bundle.Type != "message" ||
		len(bundle.Entry) != 2 || bundle.Entry[0].Resource.ResourceType != "MessageHeader" {
		t.Errorf("FHIRBundle: %v, %+v", err, bundle)
	}
	var hook struct {
		Hook, HookInstance, FHIRServer string
		Context                        struct{ UserID, PatientID string }
		Prefetch                       struct {
			Patient struct{ ResourceType, ID string }
		}
	}
	if err := json.Unmarshal(redoxtest.CDSHooks(), &hook); err != nil || hook.Hook != "patient-view" || len(hook.HookInstance) != 36 ||
		hook.Context.UserID == "" || hook.Context.PatientID == "" || hook.Prefetch.Patient.ID != hook.Context.PatientID {
		t.Errorf("CDSHooks: %v, %+v", err, hook)
	}
	if bytes.Equal(redoxtest.CDSHooks(), redoxtest.CDSHooks()) {
		t.Error("CDSHooks: two messages have the same hookInstance")
	}
	segments := strings.Split(string(redoxtest.HL7v2()), "\r")
	if len(segments) != 4 || !strings.HasPrefix(segments[0], `MSH|^~\&|`) || segments[3] != "" {
		t.Errorf("HL7v2: %q", segments)
	}
	for _, size := range []int{1 << 10, 1<<20 + 1, 40 << 20} {
		if m := redoxtest.Large(size); len(m) != size || !json.Valid(m) {
			t.Errorf("Large(%d): %d bytes, JSON: %t", size, len(m), json.Valid(m))
		}
	}
}

func TestLargeRefusesWhatCannotHoldTheEnvelope(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Large(100) did not panic")
		}
	}()
	redoxtest.Large(100)
}

func TestVerificationTokenSendsWhatRedoxDocuments(t *testing.T) {
	for name, tt := range map[string]struct {
		sender            redoxtest.VerificationToken
		message           []byte
		wantAuthorization string
		wantType          string
	}{
		"data model":    {redoxtest.VerificationToken{Token: "secret"}, redoxtest.PatientAdmin(), "", "application/json"},
		"bundle":        {redoxtest.VerificationToken{Token: "secret"}, redoxtest.FHIRBundle(), "", "application/json"},
		"CDS Hooks":     {redoxtest.VerificationToken{Token: "secret"}, redoxtest.CDSHooks(), "", "application/json"},
		"HL7v2":         {redoxtest.VerificationToken{Token: "secret"}, redoxtest.HL7v2(), "", "text/plain"},
		"two headers":   {redoxtest.VerificationToken{Token: "secret", Bearer: true}, redoxtest.PatientAdmin(), "Bearer secret", "application/json"},
		"empty message": {redoxtest.VerificationToken{Token: "secret"}, nil, "", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != http.MethodPost || !bytes.Equal(body, tt.message) {
					t.Errorf("%s of %d bytes, want POST of %d", r.Method, len(body), len(tt.message))
				}
				for header, want := range map[string]string{
					"Verification-Token": "secret", "Application-Name": "RedoxEngine",
					"Authorization": tt.wantAuthorization, "Content-Type": tt.wantType,
				} {
					if got := r.Header.Get(header); got != want {
						t.Errorf("%s: got %q, want %q", header, got, want)
					}
				}
			}))
			defer server.Close()
			response, err := tt.sender.Send(t.Context(), server.URL, tt.message)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		})
	}
	if _, err := (redoxtest.VerificationToken{}).Send(t.Context(), "http://\x7f", nil); err == nil {
		t.Error("a URL that cannot be parsed: no error")
	}
}

// A token and a credential together: neither sender overwrites the other's header.
func TestVerificationTokenLeavesACredentialAlone(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	r.Header.Set("Authorization", "Bearer credential")
	redoxtest.VerificationToken{Token: "secret", Bearer: true}.Sign(r)
	if got := r.Header.Get("Authorization"); got != "Bearer credential" {
		t.Errorf("Authorization: got %q", got)
	}
}
