module github.com/redoxauth/redoxauth-go/.ci/interop/sigv4senders/sdk

go 1.26.0

require (
	github.com/aws/aws-sdk-go v1.55.8
	github.com/aws/aws-sdk-go-v2 v1.48.0
	github.com/minio/minio-go/v7 v7.4.1
	github.com/smartystreets/go-aws-auth v0.0.0-20180515143844-0c1422d1fdb9
)

require (
	github.com/aws/smithy-go v1.28.9 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/minio/md5-simd v1.1.2 // indirect
	github.com/smartystreets/assertions v1.13.1 // indirect
	github.com/smartystreets/gunit v1.4.2 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)
