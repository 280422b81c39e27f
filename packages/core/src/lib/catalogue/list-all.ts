import type { Context, Handler } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { readStream } from '../http/read-body.js'
import { readEvents } from '../http/read-events.js'
import { isObject } from '../json/is-object.js'
import { parseSpan } from '../json/raw-json.js'
import { parseMessage } from '../message/parse-message.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { type CatalogueKind, type Listing, listingOf } from './catalogue.js'
import { type ScannedLists, scanLists } from './scan-lists.js'

/** Milliseconds that a page may take. */
const timeoutMs = 10_000
const maxPages = 100
/** Of all pages together. */
const maxBytes = 16_777_216
const encoder = new TextEncoder()

/** The method that lists each kind. */
const listMethods: Readonly<Record<CatalogueKind, string>> = { tool: 'tools/list', prompt: 'prompts/list' }

let asked = 0

/**
 * Asks the handler behind for all pages of a list, in the caller's own name, session and era.
 *
 * @returns `undefined` where it does not tell all of the list: it has none, fails, is late, or tells too much
 */
export async function listAll(
  kind: CatalogueKind,
  request: Request,
  context: Context,
  next: Handler,
): Promise<Listing | undefined> {
  const pages: { bytes: Uint8Array; scanned: ScannedLists }[] = []
  let cursor: string | undefined
  let left = maxBytes
  for (let page = 0; page < maxPages; page++) {
    const bytes = await readPage(listMethods[kind], cursor, { request, context, next, left })
    if (bytes === undefined) return undefined
    const scanned = scanLists(bytes)
    if (scanned.isMalformed || !scanned.lists.some((list) => list.kind === kind)) return undefined
    pages.push({ bytes, scanned })
    left -= bytes.length
    const told = parseSpan(bytes, scanned.nextCursor)
    if (typeof told !== 'string') return listingOf(kind, pages)
    cursor = told
  }
  return undefined
}

interface PageSource {
  readonly request: Request
  readonly context: Context
  readonly next: Handler
  readonly left: number
}

async function readPage(
  method: string,
  cursor: string | undefined,
  { request, context, next, left }: PageSource,
): Promise<Uint8Array | undefined> {
  const { message } = context
  const isModern = message?.era === 'modern'
  // No client has such an id under way in the same session
  const id = `gateway-catalogue-${++asked}-${crypto.randomUUID()}`
  const meta = isModern ? { _meta: callerMeta(message) } : {}
  const params = { ...(cursor !== undefined && { cursor }), ...meta }
  const body = encoder.encode(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  const own = parseMessage(body, { protocolVersion: message?.protocolVersion })
  const signal = AbortSignal.timeout(timeoutMs)
  const ask = async (): Promise<Uint8Array | undefined> => {
    const response = await next(
      new Request(request.url, { method: 'POST', headers: headersFor(request, method), signal }),
      {
        ...context,
        message: own,
        transforms: undefined,
        // It is about the caller's request, not about this one
        record: undefined,
      },
    )
    return readAnswer(response, id, left)
  }
  const late = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
  return Promise.race([ask(), late])
}

/** What tells who asks in the modern era, without what is about the caller's own request. */
function callerMeta(message: Message | undefined): Record<string, unknown> {
  const meta = message?.json().params?._meta
  const { protocolVersion, clientCapabilities, clientInfo } = metaKeys
  const own: Record<string, unknown> = {}
  for (const key of [protocolVersion, clientCapabilities, clientInfo]) {
    if (isObject(meta) && meta[key] !== undefined) own[key] = meta[key]
  }
  return own
}

function headersFor(request: Request, method: string): Headers {
  const headers = new Headers(request.headers)
  for (const name of [...headers.keys()]) {
    if (name === 'mcp-name' || name.startsWith('mcp-param-') || name === 'content-length') headers.delete(name)
  }
  if (headers.has('mcp-method')) headers.set('mcp-method', method)
  return headers
}

/** The response with this id, JSON or in an event stream. */
async function readAnswer(response: Response, id: string, maxSize: number): Promise<Uint8Array | undefined> {
  const type = response.headers.get('content-type')?.toLowerCase() ?? ''
  if (response.body === null) return undefined
  if (!type.startsWith('text/event-stream')) {
    const bytes = await readStream(response.body, maxSize)
    return bytes !== 'too-large' && isAnswer(bytes, id) ? bytes : undefined
  }
  const reader = response.body.getReader()
  try {
    for await (const { data } of readEvents(reader, maxSize)) {
      if (data !== undefined && data.length > 0 && isAnswer(data, id)) return data
    }
    return undefined
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function isAnswer(bytes: Uint8Array, id: string): boolean {
  try {
    const message = parseMessage(bytes)
    return message.kind === 'response' && message.id === id
  } catch {
    return false
  }
}
