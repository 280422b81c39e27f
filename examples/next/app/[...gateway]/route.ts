import { toRouteHandlers } from '@mcp-gateway/core/next'
import { hostedGateway } from '@mcp-gateway/example-gateway'

export const { GET, HEAD, POST, PUT, DELETE, OPTIONS } = toRouteHandlers(hostedGateway())
