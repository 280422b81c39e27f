import { toRouteHandlers } from '@mcp-gateway/core/next'
import { hostedGateway } from '../../gateway'

export const { GET, HEAD, POST, PUT, DELETE, OPTIONS } = toRouteHandlers(hostedGateway)
