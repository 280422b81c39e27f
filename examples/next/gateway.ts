// Next bundles packages that a workspace links. Loaded by Node instead, there is one gateway for routes and start-up.
export const { hostedGateway, startHosted } = await import(/* turbopackIgnore: true */ '@mcp-gateway/example-gateway')
