"""Where datasets come from: one module per dataset, each returning `Raw` arrays."""
