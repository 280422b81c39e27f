import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { start } from '@mcp-gateway/example-gateway'
import { Hono } from 'hono'

await start((gateway) => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  // The raw request and target, because the gateway compares paths; the address, because only the host knows it.
  app.all('*', (c) => gateway.handle(c.req.raw, { client: getConnInfo(c).remote, target: c.env.incoming.url }))
  return getRequestListener(app.fetch, { overrideGlobalObjects: false })
})
