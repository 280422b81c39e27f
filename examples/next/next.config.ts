import { join } from 'node:path'
import type { NextConfig } from 'next'

process.env.NEXT_TELEMETRY_DISABLED = '1'

export default {
  // One gateway for the routes and the instrumentation, and a file system to resolve the MCP server in: not bundled.
  serverExternalPackages: ['@mcp-gateway/example-gateway'],
  turbopack: { root: join(import.meta.dirname, '../..') },
  // A compressed event stream may wait for more events before it says anything.
  compress: false,
  poweredByHeader: false,
} satisfies NextConfig
