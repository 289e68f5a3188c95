module github.com/redoxauth/redoxauth-go/.ci/mutants

go 1.26.0
