//! The only HTTP: routes, authentication, problems, OpenAPI.
