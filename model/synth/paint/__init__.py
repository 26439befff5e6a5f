"""What colour and gloss each place of a head has, before any light falls on it."""
