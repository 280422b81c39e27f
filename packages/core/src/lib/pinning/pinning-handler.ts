import type { Context, Handler } from '../contract/handler.js'
import { callable, checkOptions, type OptionTypes, withMethods } from '../contract/option-types.js'
import { isMediaType } from '../http/media-type.js'
import { readBody } from '../http/read-body.js'
import { respond } from '../http/respond.js'
import { isObject } from '../json/is-object.js'
import type { Pinning } from './create-pinning.js'

/** Who may look at pins and approve. */
export interface PinningHandlerOptions {
  readonly pinning: Pinning
  /** Whether the caller is an operator, as by a role of the verified token in `context.auth`. */
  readonly isOperator: (context: Context) => boolean | Promise<boolean>
}

/**
 * Lists and approves held tools over HTTP, for operators: `GET` answers `{ "held": [...] }`, and a `POST` of
 * `{ "server", "name", "digest" }` approves one. It checks no token: put it behind `bearerAuth`.
 *
 * Answers 403 who is not an operator, 409 where that definition does not wait any more, 204 when it was approved.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const pins = createPinning({ storage })
 * const manage = pinningHandler({
 *   pinning: pins,
 *   isOperator: ({ auth }) => (auth?.extra?.roles as string[] | undefined)?.includes('mcp-admin') ?? false,
 * })
 * ```
 */
export function pinningHandler(options: PinningHandlerOptions): Handler {
  checkOptions('pinningHandler', options, types)
  const { pinning, isOperator } = options
  return async (request, context) => {
    if ((await isOperator(context)) !== true)
      return failure(403, 'access_denied', 'Only operators may see and approve held tools')
    if (request.method === 'GET') return answer(200, { held: await pinning.held() })
    if (request.method !== 'POST') return failure(405, 'invalid_request', 'Use GET or POST', { Allow: 'GET, POST' })
    // A page elsewhere can send a form, and no JSON, without being asked first
    if (!isMediaType(request.headers.get('content-type'), 'application/json')) {
      return failure(415, 'invalid_request', 'Content-Type must be application/json')
    }
    const tool = readTool(await readBody(request, maxBody))
    if (tool === undefined) return failure(400, 'invalid_request', 'Send {"server", "name", "digest"} as strings')
    if (await pinning.approve(tool)) return new Response(null, { status: 204 })
    return failure(409, 'not_held', 'This definition does not wait for approval; get the list again')
  }
}

const maxBody = 65_536
const decoder = new TextDecoder()

const types: OptionTypes<PinningHandlerOptions> = {
  pinning: withMethods('createPinning(…)', 'held', 'approve'),
  isOperator: callable,
}

function readTool(body: Uint8Array | 'too-large') {
  try {
    const tool: unknown = body === 'too-large' ? undefined : JSON.parse(decoder.decode(body))
    if (!isObject(tool)) return undefined
    const { server, name, digest } = tool
    return typeof server === 'string' && typeof name === 'string' && typeof digest === 'string'
      ? { server, name, digest }
      : undefined
  } catch {
    return undefined
  }
}

function failure(status: number, error: string, text: string, headers: Record<string, string> = {}): Response {
  return answer(status, { error, error_description: text }, headers)
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  const own = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers }
  return respond(JSON.stringify(body), { status, headers: own })
}
