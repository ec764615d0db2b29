"""From a file or a query to a product: looks at the data, says what it concluded and why, drafts block and suite."""
