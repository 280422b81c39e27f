import { createServer, type RequestListener } from 'node:http'
import type { Mountable } from '@mcp-gateway/core'
import { toNodeHandler } from '@mcp-gateway/core/node'
import type { ForwardAuth } from '@mcp-gateway/forward-auth'
import { toNodeHandler as toAskedHandler } from '@mcp-gateway/forward-auth/node'
import { type RawRequest, type RawResponse, rawRequest } from './raw-request.js'
import { type Front, type ProxyKind, pickFront } from './real-proxies.js'
import { listen, startWitness, type Witness } from './upstreams.js'

/** A proxy with everything around it. */
export interface Rig {
  /** `https://localhost:port`, as clients write it. */
  readonly url: string
  readonly front: Front
  /** The server at `/notes/mcp`. */
  readonly notes: Witness
  /** The server at `/files/mcp`, where it is a witness. */
  readonly files: Witness | undefined
  /** The server at `/mcp` of the other host. */
  readonly wiki: Witness
  /** The port of the forward-auth process itself. */
  readonly forwardAuthPort: number
  /** Sends a request through the proxy. */
  readonly send: (request: RawRequest) => Promise<RawResponse>
  readonly log: () => string
  readonly stop: () => Promise<void>
}

/**
 * Starts upstreams, a forward-auth process and a proxy.
 *
 * @param makeForwardAuth gets the public URL
 * @param makeFiles the server at `/files/mcp`; a second witness unless told
 * @param host how the forward-auth process takes requests; with `toNodeHandler` of its own package unless told
 */
export async function startRig(
  kind: ProxyKind,
  makeForwardAuth: (url: string) => ForwardAuth,
  makeFiles?: () => Mountable,
  host: (forwardAuth: ForwardAuth) => RequestListener = (forwardAuth) => toAskedHandler(forwardAuth, node),
): Promise<Rig> {
  const front = await pickFront()
  const url = `https://localhost:${front.port}`
  const notes = await startWitness()
  const wiki = await startWitness()
  const witness = makeFiles === undefined ? await startWitness() : undefined
  const files = witness ?? (await serve(makeFiles?.() as Mountable))
  const forwardAuth = await listen(createServer(host(makeForwardAuth(url))))
  const parts = [notes, files, wiki, forwardAuth]
  try {
    const proxy = await kind.start(front, {
      forwardAuth: forwardAuth.port,
      notes: notes.port,
      files: files.port,
      wiki: wiki.port,
    })
    return {
      url,
      front,
      notes,
      files: witness,
      wiki,
      forwardAuthPort: forwardAuth.port,
      send: (request) => rawRequest(front.port, request),
      log: proxy.log,
      stop: async () => {
        await proxy.stop()
        await Promise.all(parts.map((part) => part.stop()))
      },
    }
  } catch (error) {
    await Promise.all(parts.map((part) => part.stop()))
    throw error
  }
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const node = { trustedProxies: ['127.0.0.1'], logger: silent }

function serve(app: Mountable) {
  return listen(createServer(toNodeHandler(app, node)))
}
