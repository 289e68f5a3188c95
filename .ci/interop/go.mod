module github.com/redoxauth/redoxauth-go/.ci/interop

go 1.26.0

replace github.com/redoxauth/redoxauth-go => ../..

require github.com/redoxauth/redoxauth-go v0.0.0
