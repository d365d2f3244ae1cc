// Package handlers has one file for each request kind that is served: it
// decodes the body, asks the broker and encodes the answer. The file's number is
// the API key. What is not in the table is neither served nor advertised.
package handlers
