import { checkNodeArguments, withMethods } from '@mcp-gateway/core/internal'
import {
  clientAddress,
  type NodeHandler,
  type NodeHandlerOptions,
  toNodeHandler as toWholeHandler,
} from '@mcp-gateway/core/node'
import type { ForwardAuth } from './create-forward-auth.js'

type Incoming = Parameters<NodeHandler>[0]
type Outgoing = Parameters<NodeHandler>[1]

/**
 * Mounts a forward-auth endpoint in a Node server, as `toNodeHandler` of `@mcp-gateway/core/node` does, which it uses for
 * everything but auth requests. Those are answered without a `Request` and a `Response`, which cost more than the decision,
 * and with the path as it came, which a `Request` would have normalised.
 *
 * @throws {GatewayError} `invalid_configuration` for a bad entry in `trustedProxies`
 * @example
 * ```ts
 * createServer(toNodeHandler(forwardAuth, { trustedProxies: ['127.0.0.1'] })).listen(9100, '127.0.0.1')
 * ```
 */
export function toNodeHandler(forwardAuth: ForwardAuth, options: NodeHandlerOptions = {}): NodeHandler {
  withMethods('createForwardAuth(…)', 'ask', 'handle')(forwardAuth, 'The forwardAuth of toNodeHandler')
  const answerWhole = toWholeHandler(forwardAuth, options)
  const addressOf = clientAddress(options.trustedProxies ?? [])
  return (incoming: Incoming & { originalUrl?: string }, outgoing, next) => {
    checkNodeArguments(outgoing)
    const { method = 'GET', url = '/', originalUrl: target = url } = incoming
    const address = addressOf(incoming)
    const context = address === undefined ? { target } : { client: { address }, target }
    const asked = forwardAuth.ask({ method, target, isRaw: true, headers: headersOf(incoming) }, context)
    if (asked === undefined) answerWhole(incoming, outgoing, next)
    else void send(outgoing, asked)
  }
}

function headersOf({ headers }: Incoming): Pick<Headers, 'get' | 'has' | 'keys'> {
  const get = (name: string): string | null => {
    const value = headers[name] ?? headers[name.toLowerCase()]
    return value === undefined ? null : String(value)
  }
  return { get, has: (name) => get(name) !== null, keys: () => Object.keys(headers)[Symbol.iterator]() }
}

async function send(outgoing: Outgoing, asked: NonNullable<ReturnType<ForwardAuth['ask']>>): Promise<void> {
  try {
    const decision = await asked
    if (decision.kind === 'allowed') {
      outgoing.writeHead(200, decision.headers.flat()).end()
      return
    }
    const { status, headers } = decision.response
    const body = await decision.response.text()
    outgoing.writeHead(status, [...[...headers].flat(), 'Content-Length', String(Buffer.byteLength(body))]).end(body)
  } catch {
    // Whatever happened, a request that was not decided does not pass
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(500).end()
  }
}
