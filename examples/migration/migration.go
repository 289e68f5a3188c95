// Package migration shows how to move from a home-made check of Redox's requests to
// redoxauth without losing a message. Its page is README.md beside it, and its examples are
// the code of that page.
package migration
