module github.com/redoxauth/redoxauth-go/.ci/gotest

go 1.26.0
