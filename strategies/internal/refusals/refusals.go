// Package refusals has no code. Its test makes one wrong setting after another, of all
// strategies, and demands that the refusal says what to change.
package refusals
