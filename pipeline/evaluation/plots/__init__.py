"""Pictures of what the evaluation found."""
