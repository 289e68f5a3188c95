// Command sdk sends the requests of stdin with the Go module that the argument names.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	//lint:ignore SA1019 programs still sign with it
	"github.com/aws/aws-sdk-go/aws/credentials"
	//lint:ignore SA1019 programs still sign with it
	v1 "github.com/aws/aws-sdk-go/aws/signer/v4"
	"github.com/minio/minio-go/v7/pkg/signer"
	awsauth "github.com/smartystreets/go-aws-auth"
)

const region = "us-east-1"

type parameters struct {
	Address, Host, Method, Target, Body, Service string
	AccessKeyID, SecretAccessKey, SessionToken   string
	Headers                                      map[string]string
}

var senders = map[string]func(*http.Request, []byte, parameters) (*http.Request, error){
	"AWS SDK for Go v1": func(r *http.Request, body []byte, p parameters) (*http.Request, error) {
		s := v1.NewSigner(credentials.NewStaticCredentials(p.AccessKeyID, p.SecretAccessKey, p.SessionToken), func(s *v1.Signer) {
			s.DisableURIPathEscaping = p.Service == "s3"
		})
		_, err := s.Sign(r, bytes.NewReader(body), p.Service, region, time.Now())
		return r, err
	},
	"AWS SDK for Go v2": func(r *http.Request, body []byte, p parameters) (*http.Request, error) {
		c := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey, SessionToken: p.SessionToken}
		payload := r.Header.Get("X-Amz-Content-Sha256")
		if payload == "" {
			payload = hash(body)
		}
		return r, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = p.Service == "s3" }).
			SignHTTP(context.Background(), c, r, payload, p.Service, region, time.Now())
	},
	"minio-go": func(r *http.Request, body []byte, p parameters) (*http.Request, error) {
		r.Header.Set("X-Amz-Content-Sha256", hash(body))
		return signer.SignV4(*r, p.AccessKeyID, p.SecretAccessKey, p.SessionToken, region), nil
	},
	"go-aws-auth": func(r *http.Request, body []byte, p parameters) (*http.Request, error) {
		r.Host = p.Host
		return awsauth.Sign4(r, awsauth.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey, SecurityToken: p.SessionToken}), nil
	},
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func send(p parameters) error {
	body, err := os.ReadFile(p.Body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(p.Method, "http://"+p.Address+p.Target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range p.Headers {
		r.Header.Set(name, value)
	}
	r, err = senders[os.Args[1]](r, body, p)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func main() {
	var requests []parameters
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := []string{}
	for _, p := range requests {
		if err := send(p); err != nil {
			answers = append(answers, err.Error())
		} else {
			answers = append(answers, "")
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
