package sigv4senders

import (
	"net/url"
	"strings"
)

// ofCommands are the cases that commands for S3 can send: they take a bucket and a key.
var ofCommands = []string{"s3", "s3 //", "s3 escapes", "s3 no body", "s3 1 MiB", "s3 session token", "s3 new secret"}

func curl(r request) []string {
	args := []string{"/usr/bin/curl", "--disable", "--silent", "--show-error", "--noproxy", "*", "--path-as-is", "--request", r.Method,
		"--aws-sigv4", "aws:amz:" + region + ":" + r.Service, "--user", r.AccessKeyID + ":" + r.SecretAccessKey}
	if r.Method != "GET" {
		args = append(args, "--data-binary", "@"+r.Body)
	}
	if r.SessionToken != "" {
		args = append(args, "--header", "X-Amz-Security-Token: "+r.SessionToken)
	}
	for name, value := range r.Headers {
		args = append(args, "--header", name+": "+value)
	}
	return append(args, "http://"+r.Address+r.Target)
}

func awscli(r request) []string {
	args := append(r.environment(), "/usr/bin/aws", "--endpoint-url", "http://"+r.Address, "--no-cli-pager", "--region", region)
	if r.Service == "s3" {
		bucket, key := r.object()
		return append(args, "s3api", "put-object", "--bucket", bucket, "--key", key, "--body", r.Body)
	}
	return append(args, "lambda", "invoke", "--function-name", "redox", "--payload", "fileb://"+r.Body, "/dev/null")
}

func s3cmd(r request) []string {
	bucket, key := r.object()
	args := []string{"/usr/bin/s3cmd", "--config=/dev/null", "--no-ssl", "--host=" + r.Address, "--host-bucket=" + r.Address, "--region=" + region,
		"--access_key=" + r.AccessKeyID, "--secret_key=" + r.SecretAccessKey, "--disable-multipart"}
	if r.SessionToken != "" {
		args = append(args, "--access_token="+r.SessionToken)
	}
	return append(args, "put", r.Body, "s3://"+bucket+"/"+key)
}

func rclone(r request) []string {
	bucket, key := r.object()
	return append(r.environment(), "/usr/bin/rclone", "copyto", "--retries=1", "--low-level-retries=1", "--s3-no-check-bucket", "--no-check-dest",
		"--s3-provider=Other", "--s3-env-auth", "--s3-region="+region, "--s3-endpoint=http://"+r.Address, r.Body, ":s3:"+bucket+"/"+key)
}

// object returns the bucket and the key of a target.
func (r request) object() (bucket, key string) {
	path, err := url.PathUnescape(r.Target)
	if err != nil {
		panic(err)
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

// environment is how most commands take credentials.
func (r request) environment() []string {
	command := []string{"env", "AWS_ACCESS_KEY_ID=" + r.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.SecretAccessKey}
	if r.SessionToken != "" {
		command = append(command, "AWS_SESSION_TOKEN="+r.SessionToken)
	}
	return command
}
