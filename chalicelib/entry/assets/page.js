SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Descriptions are not sent to anybody to be checked, and a token is not kept when the page is closed.
  validatorUrl: null,
  persistAuthorization: false,
});
