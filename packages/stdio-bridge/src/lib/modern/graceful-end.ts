import type { Message } from '@mcp-gateway/core'
import { metaKeys } from '@mcp-gateway/core/internal'
import { asBuffer, clientSpans } from '../wire/client-message.js'

/** The result that ends a `subscriptions/listen` of a server that shuts down (MCP M21). */
export function gracefulEnd({ bytes }: Message): Buffer {
  const own = asBuffer(bytes)
  const { id } = clientSpans(own)
  const raw = id === undefined ? 'null' : own.toString('utf8', id.start, id.end)
  const tag = `"_meta":{"${metaKeys.subscriptionId}":${raw}}`
  return Buffer.from(`{"jsonrpc":"2.0","id":${raw},"result":{"resultType":"complete",${tag}}}`)
}
