import { getRequestListener } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { start } from '@mcp-gateway/example-gateway'
import { Hono } from 'hono'

await start((gateway) => {
  const app = new Hono()
  // The raw request, because the gateway compares paths; the address, because only the host knows it.
  app.all('*', (c) => gateway.handle(c.req.raw, { client: getConnInfo(c).remote }))
  return getRequestListener(app.fetch, { overrideGlobalObjects: false })
})
