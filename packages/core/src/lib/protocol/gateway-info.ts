/** What the gateway tells of itself where it is a client. */
export const gatewayInfo = { name: 'mcp-gateway', version: '0' } as const
