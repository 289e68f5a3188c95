// Package sigv4senders sends with programs of others that sign with Signature Version 4, to
// a server of the test on loopback, and verifies with strategies/sigv4 what arrives.
//
//	go test .              some senders, as part of the gate
//	go test . -all         every sender; first apt-get install $(grep -v '^#' packages)
//	go test . -all -alter  alters every accepted request in every byte
//	go test . -all -update writes testdata/matrix.json and records for strategies/sigv4
//
// The recordings have a request of each dialect. So the tests of strategies/sigv4 verify also
// the dialects of the senders that the gate does not run.
//
// The tests install what npm has. No test is skipped: a sender that is not installed fails.
package sigv4senders

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	all    = flag.Bool("all", false, "run every sender")
	alter  = flag.Bool("alter", false, "alter every accepted request")
	update = flag.Bool("update", false, "write what the senders do to testdata")
)

// A sender is a program or a library of others.
type sender struct {
	name    string
	gate    bool     // the gate runs it
	from    string   // npm's or Debian's package, or Go's module, if its name is another
	command []string // sends the requests of stdin, and prints the error of each
	each    func(request) []string
	only    []string       // cases, if it can not send the others
	adjust  func(*request) // nil: none
}

var (
	node   = []string{"node", "node.mjs"}
	python = []string{"/usr/bin/python3", "-I", "python.py"} // Debian's, which alone sees Debian's packages
	ruby   = []string{"/usr/bin/ruby", "ruby.rb"}
	perl   = []string{"/usr/bin/perl", "perl.pl"}
	sdk    = []string{"go", "run", "-C", "sdk", "."}
)

var senders = []sender{
	{name: "@smithy/signature-v4", command: node, gate: true},
	{name: "@aws-sdk/signature-v4-crt", command: node},
	{name: "aws4", command: node, gate: true},
	{name: "aws4-axios", command: node},
	{name: "aws4fetch", command: node, gate: true},
	{name: "aws-sigv4-fetch", command: node},
	{name: "aws-sigv4-sign", command: node},
	{name: "@scaldwell77/aws-signed-fetch", command: node},
	{name: "fetch-aws4", command: node},
	{name: "Postman", from: "newman", command: node},
	{name: "aws-sign-web", command: node},
	{name: "botocore", from: "python3-botocore", command: python, gate: true},
	{name: "botocore's session", from: "python3-botocore", command: python},
	{name: "awscrt (Python)", from: "python3-awscrt", command: python},
	{name: "aws-requests-auth", from: "python3-aws-requests-auth", command: python},
	{name: "boto 2", from: "python3-boto", command: python},
	{name: "AWS CLI", from: "awscli", each: awscli, only: []string{"plain", "s3", "s3 escapes", "s3 session token", "s3 new secret"}, adjust: lambda},
	{name: "s3cmd", each: s3cmd, only: ofCommands},
	{name: "rclone", each: rclone, only: ofCommands},
	{name: "aws-sigv4 (Ruby)", from: "ruby-aws-sigv4", command: ruby},
	{name: "faraday_middleware-aws-sigv4", from: "ruby-faraday-middleware-aws-sigv4", command: ruby},
	{name: "Net::Amazon::Signature::V4", from: "libnet-amazon-signature-v4-perl", command: perl},
	{name: "AWS::Signature4 (Perl)", from: "libaws-signature4-perl", command: perl, adjust: lambdaAtAmazon},
	{name: "async-aws (PHP)", from: "php-async-aws-core", command: []string{"/usr/bin/php", "php.php"}},
	{name: "AWS SDK for Go v1", from: "github.com/aws/aws-sdk-go", command: sdk},
	{name: "AWS SDK for Go v2", from: "github.com/aws/aws-sdk-go-v2", command: sdk, gate: true},
	{name: "minio-go", from: "github.com/minio/minio-go/v7", command: sdk, adjust: func(r *request) { r.Service = "s3" }},
	{name: "go-aws-auth", from: "github.com/smartystreets/go-aws-auth", command: sdk, adjust: atAmazon},
	{name: "curl --aws-sigv4", from: "curl", each: curl, gate: true},
}

// atAmazon is for senders that take service and region from Host.
func atAmazon(r *request) { r.Host = r.Service + "." + region + ".amazonaws.com" }

// lambdaAtAmazon is for a sender that takes no service with a hyphen.
func lambdaAtAmazon(r *request) { lambda(r); atAmazon(r) }

func lambda(r *request) {
	if r.Service != "s3" {
		r.Service = "lambda"
	}
}

func (s sender) String() string { return s.name }

// selected returns the senders that run.
func selected() []sender {
	return slices.DeleteFunc(slices.Clone(senders), func(s sender) bool { return !*all && !s.gate })
}

// A recording is a request that arrived, and which setting accepts it.
type recording struct {
	sender, name string
	service      string
	signedBy     string // secret
	token        string
	raw          []byte
	at           time.Time
	outcome      string // name of a setting, or refused, or notSent
	failure      string // what the sender said, or why the first setting refuses
}

var (
	recorded   = map[string][]recording{}
	recordedMu sync.Mutex
)

// record lets a sender send its cases, once in a run of the tests.
func record(t *testing.T, s sender) []recording {
	t.Helper()
	recordedMu.Lock()
	defer recordedMu.Unlock()
	if recorded[s.name] == nil {
		recorded[s.name] = s.record(t)
	}
	return recorded[s.name]
}

func (s sender) record(t *testing.T) []recording {
	var recordings []recording
	var requests []request
	var recorders []*recorder
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if s.only != nil && !slices.Contains(s.only, name) {
			continue
		}
		rec := newRecorder(t)
		r := newRequest(t, name, rec.Listener.Addr().String())
		if s.adjust != nil {
			s.adjust(&r)
		}
		requests, recorders = append(requests, r), append(recorders, rec)
		recordings = append(recordings, recording{sender: s.name, name: name, service: r.Service, signedBy: r.SecretAccessKey, token: r.SessionToken})
	}
	failures := s.send(t, requests)
	if len(failures) != len(requests) {
		t.Fatalf("%s: %d answers for %d requests", s, len(failures), len(requests))
	}
	for i := range recordings {
		r := &recordings[i]
		r.raw, r.at, r.failure = recorders[i].first(requests[i].Method), time.Now(), failures[i]
		r.judge(t)
	}
	return recordings
}

func (s sender) send(t *testing.T, requests []request) (failures []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if s.each != nil {
		for _, r := range requests {
			command := s.each(r)
			failure := ""
			if _, err := run(ctx, nil, command...); err != nil {
				failure = err.Error()
			}
			failures = append(failures, failure)
		}
		return failures
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	command := append(slices.Clone(s.command), s.name)
	if command[0] == "node" {
		if err := npm(); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(ctx, input, command...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &failures); err != nil {
		t.Fatalf("%s: %v\n%s", s, err, out)
	}
	return failures
}

// run runs a program with an environment that leads no sender astray.
func run(ctx context.Context, input []byte, command ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_CONFIG_FILE=/dev/null", "AWS_CA_BUNDLE=",
		"RCLONE_CONFIG=/dev/null", "NO_PROXY=*", "no_proxy=*", "NODE_NO_WARNINGS=1")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%q: %w\n%s", command, err, &stderr)
	}
	return out, err
}

// npm installs the packages here for all senders. The gate needs no more than its parent has.
var npm = sync.OnceValue(func() error {
	dir := npmDir()
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil { // npm writes it last
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	_, err := run(ctx, nil, "npm", "--prefix", dir, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return err
})

func npmDir() string {
	if *all {
		return "."
	}
	return ".."
}
