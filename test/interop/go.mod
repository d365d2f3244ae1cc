module github.com/samsa-project/samsa/test/interop

go 1.26.0
