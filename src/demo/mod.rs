//! Embedded registries, well and badly behaved: what `registry-check demo` and the tests both use.
