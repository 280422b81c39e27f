import { gatewayCode } from '../protocol/error-codes.js'
import { newestLegacy } from '../protocol/revisions.js'
import { mcpAnswer, mcpRequest } from './mcp-request.js'

/** Which gateway is tested, and with whom. */
export interface TestParityOptions {
  /** The gateway: `gateway.fetch`. */
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** The public URL of the server, as clients write it. */
  readonly url: string
  /**
   * Makes the access token of one subject; `undefined` for none. Let it choose roles, groups and scopes at random, some of them
   * nobody's.
   *
   * @param run the number of the subject, from 0 on
   */
  readonly token: (run: number) => string | undefined | Promise<string | undefined>
  /**
   * Subjects that are tried.
   *
   * @default 20
   */
  readonly subjects?: number
  /** Both by default. */
  readonly eras?: readonly ('legacy' | 'modern')[]
  /** What the server has that perhaps none of the subjects may see. What one of them sees need not be named. */
  readonly names?: {
    readonly tools?: readonly string[]
    readonly prompts?: readonly string[]
    readonly resources?: readonly string[]
  }
  /**
   * The arguments that a tool or prompt is called with.
   *
   * @default none
   */
  readonly arguments?: (name: string) => Readonly<Record<string, unknown>>
}

/** What was compared. */
export interface ParityReport {
  readonly subjects: number
  /** Parts of the server that were called for each of them, in each era. */
  readonly parts: number
}

/**
 * Proves on a gateway that what a caller sees is what he can use: for each subject, in each era, every tool, prompt and resource
 * that any of them sees is called, read or got. What is listed must not answer as unknown or refused, except that it may ask
 * for scopes (403 `insufficient_scope`); what is not listed must answer as a name that does not exist, byte for byte, with the
 * same status and headers. Completions for hidden templates must be refused.
 *
 * It runs tools, so give it a gateway in front of a server for tests. It proves what it tries, and no more: name in `names`
 * what nobody sees.
 *
 * @throws {Error} with each difference, or where there was nothing to compare
 * @example
 * ```ts
 * const issuer = fakeIssuer({ issuer: 'https://login.example.com' })
 * const roles = ['mcp-viewer', 'mcp-admin', 'nobody']
 * await testParity({
 *   fetch: gateway.fetch,
 *   url: resource,
 *   token: (run) => issuer.token({ resource, claims: { roles: roles.slice(run % 3) } }),
 * })
 * ```
 */
export async function testParity(options: TestParityOptions): Promise<ParityReport> {
  const { subjects = 20, eras = ['legacy', 'modern'], names = {} } = options
  const callers: Caller[] = []
  for (let run = 0; run < subjects; run++) {
    const token = await options.token(run)
    for (const era of eras) callers.push(await connect(options, { run, token, era }))
  }
  const all = {
    tool: union(callers, 'tool', names.tools),
    prompt: union(callers, 'prompt', names.prompts),
    resource: union(callers, 'resource', names.resources),
    template: union(callers, 'template', []),
  }
  const parts = Object.values(all).reduce((sum, list) => sum + list.length, 0)
  if (parts === 0) throw new Error('No subject sees anything, so nothing could be compared; name something in `names`')
  const differences: string[] = []
  for (const caller of callers) {
    for (const kind of kinds) {
      if (all[kind].length === 0) continue
      const unknown = await use(options, caller, kind, unknownName[kind]())
      for (const name of all[kind]) {
        const difference = judge(kind, caller.visible[kind].has(name), await use(options, caller, kind, name), unknown)
        if (difference === undefined) continue
        differences.push(`subject ${caller.run}, ${caller.era}: ${kind} ${JSON.stringify(name)} ${difference}`)
      }
    }
  }
  if (differences.length > 0) {
    const shown = differences.slice(0, maxShown).join('\n')
    throw new Error(`${differences.length} differences between what is seen and what can be used:\n${shown}`)
  }
  return { subjects, parts }
}

const maxShown = 20
const maxPages = 1000

type Kind = 'tool' | 'prompt' | 'resource' | 'template'
type Era = 'legacy' | 'modern'

const kinds: readonly Kind[] = ['tool', 'prompt', 'resource', 'template']

const lists = {
  tool: ['tools/list', 'tools', 'name'],
  prompt: ['prompts/list', 'prompts', 'name'],
  resource: ['resources/list', 'resources', 'uri'],
  template: ['resources/templates/list', 'resourceTemplates', 'uriTemplate'],
} as const

const unknownName: Readonly<Record<Kind, () => string>> = {
  tool: () => `no_such_tool_${random()}`,
  prompt: () => `no_such_prompt_${random()}`,
  resource: () => `nosuch://${random()}`,
  template: () => `nosuch://${random()}/{id}`,
}

interface Caller {
  readonly run: number
  readonly token: string | undefined
  readonly era: Era
  readonly session: string | undefined
  readonly visible: Readonly<Record<Kind, ReadonlySet<string>>>
}

async function connect(
  options: TestParityOptions,
  who: { readonly run: number; readonly token: string | undefined; readonly era: Era },
): Promise<Caller> {
  let session: string | undefined
  if (who.era === 'legacy') {
    const params = { protocolVersion: newestLegacy, capabilities: {}, clientInfo: { name: 'parity', version: '1' } }
    const response = await send(options, who, 'initialize', params)
    session = response.headers.get('mcp-session-id') ?? undefined
    await response.body?.cancel()
  }
  const caller = { ...who, session }
  const visible = {
    tool: await list(options, caller, 'tool'),
    prompt: await list(options, caller, 'prompt'),
    resource: await list(options, caller, 'resource'),
    template: await list(options, caller, 'template'),
  }
  return { ...caller, visible }
}

async function list(options: TestParityOptions, caller: Omit<Caller, 'visible'>, kind: Kind): Promise<Set<string>> {
  const [method, member, nameMember] = lists[kind]
  const names = new Set<string>()
  let cursor: unknown
  for (let page = 0; page < maxPages; page++) {
    const response = await send(options, caller, method, cursor === undefined ? {} : { cursor })
    if (!response.ok) {
      await response.body?.cancel()
      return names
    }
    const { result } = await mcpAnswer(response)
    const found = (result ?? {}) as Readonly<Record<string, unknown>>
    for (const item of Array.isArray(found[member]) ? found[member] : []) names.add(String(item[nameMember]))
    cursor = found.nextCursor
    if (typeof cursor !== 'string') return names
  }
  return names
}

/** What came of using a part, with the name of the part taken out. */
interface Outcome {
  readonly status: number
  readonly headers: string
  readonly text: string
  readonly wantsScopes: boolean
}

async function use(options: TestParityOptions, caller: Caller, kind: Kind, name: string): Promise<Outcome> {
  const args = options.arguments?.(name) ?? {}
  const [method, params] =
    kind === 'tool'
      ? ['tools/call', { name, arguments: args }]
      : kind === 'prompt'
        ? ['prompts/get', { name, arguments: args }]
        : kind === 'resource'
          ? ['resources/read', { uri: name }]
          : ['completion/complete', { ref: { type: 'ref/resource', uri: name }, argument: { name: 'id', value: '' } }]
  const response = await send(options, caller, method as string, params as object)
  const text = await response.text()
  const challenge = response.headers.get('www-authenticate') ?? ''
  return {
    status: response.status,
    headers: [...response.headers.keys()].filter((header) => !own.has(header)).join(),
    text: text.replaceAll(JSON.stringify(name).slice(1, -1), '<name>'),
    wantsScopes: response.status === 403 && challenge.includes('insufficient_scope'),
  }
}

/** Headers that each answer has for itself. */
const own: ReadonlySet<string> = new Set(['x-request-id', 'date', 'content-length'])

/** @returns what is wrong */
function judge(kind: Kind, isVisible: boolean, used: Outcome, unknown: Outcome): string | undefined {
  if (kind === 'template') {
    return !isVisible && used.text.includes('"result"') ? 'is not listed, and is completed' : undefined
  }
  const isUnknown = used.status === unknown.status && used.text === unknown.text && used.headers === unknown.headers
  if (isVisible) {
    if (isUnknown) return 'is listed, and answers as what does not exist'
    return used.text.includes(`"code":${gatewayCode(403)}`) ? 'is listed, and is refused' : undefined
  }
  if (isUnknown) return undefined
  const isUsed = used.wantsScopes || used.text.includes('"result"')
  return isUsed
    ? 'is not listed, and can be used'
    : `is not listed, and answers otherwise than what does not exist: ${used.status} ${used.text.slice(0, 200)}`
}

function send(
  { fetch, url }: TestParityOptions,
  {
    token,
    era,
    session,
  }: { readonly token: string | undefined; readonly era: Era; readonly session?: string | undefined },
  method: string,
  params: object,
): Response | Promise<Response> {
  const headers: Record<string, string> = session === undefined ? {} : { 'Mcp-Session-Id': session }
  const own = params as Readonly<Record<string, unknown>>
  return fetch(mcpRequest({ url, method, params: own, era, headers, ...(token !== undefined && { token }) }))
}

function union(callers: readonly Caller[], kind: Kind, more: readonly string[] = []): string[] {
  const all = new Set(more)
  for (const { visible } of callers) for (const name of visible[kind]) all.add(name)
  return [...all]
}

function random(): string {
  return crypto.randomUUID().slice(0, 8)
}
