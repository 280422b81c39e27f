// `next start` on the port of the settings, and on loopback alone.
import { createRequire } from 'node:module'
import { choosePort } from '@mcp-gateway/example-gateway'

process.env.NEXT_TELEMETRY_DISABLED = '1'
process.argv.splice(2, Number.POSITIVE_INFINITY, 'start', import.meta.dirname, '--hostname', '127.0.0.1')
process.argv.push('--port', String(await choosePort()))
createRequire(import.meta.url)('next/dist/bin/next')
