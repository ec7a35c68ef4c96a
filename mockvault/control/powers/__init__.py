"""Every power over the running mock, as a table: from it the routes and their OpenAPI are made."""
