/** Which parameter says what a request is about. */
export type SubjectParameter = 'name' | 'uri' | 'taskId' | 'ref' | 'notifications'

/** The methods that are about something: a tool, a prompt, resources, a task. */
export const subjectParameters: ReadonlyMap<string, SubjectParameter> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['resources/subscribe', 'uri'],
  ['resources/unsubscribe', 'uri'],
  ['completion/complete', 'ref'],
  ['subscriptions/listen', 'notifications'],
  ['tasks/get', 'taskId'],
  ['tasks/result', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/** Methods whose subject a client repeats in `Mcp-Name` (MCP M8). */
export const mirroredMethods: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
])

/** Requests of clients about a server as a whole, beside `ping`. */
export const serverMethods: readonly string[] = [
  'initialize',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'tasks/list',
  'logging/setLevel',
]

/** All methods that clients send, in all revisions: requests and notifications. */
export const clientMethods: ReadonlySet<string> = new Set([
  ...subjectParameters.keys(),
  ...serverMethods,
  'ping',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
])

const needInput: ReadonlySet<string | undefined> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** Whether a client may be asked for input in the course of such a request (MCP M20). */
export function mayRequireInput(method: string | undefined): boolean {
  return needInput.has(method)
}

const serverRequests: ReadonlySet<string> = new Set(['elicitation/create', 'sampling/createMessage', 'roots/list'])

/** Whether a server may ask its client this at all, in either era. */
export function isServerRequest(method: string): boolean {
  return serverRequests.has(method)
}

/** What a client declares that lets itself be asked something: a capability for each of the server's requests. */
const askableCapabilities = ['elicitation', 'sampling', 'roots'] as const

/** Whether a client with these capabilities may be asked anything by its server. */
export function canBeAsked(capabilities: Readonly<Record<string, unknown>> | undefined): boolean {
  return askableCapabilities.some((name) => capabilities?.[name] !== undefined)
}

const cacheable: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

/** Whether the results of a method say how long they may be kept (MCP M19); in others those names are somebody else's. */
export function isCacheable(method: string): boolean {
  return cacheable.has(method)
}

const legacyOnly: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

/** Whether the modern era has given a method up. */
export function isLegacyMethod(method: string): boolean {
  return legacyOnly.has(method)
}

/** What has its effect each time: a tool may do anything, and the answers to a task's questions are taken once. */
const effective: ReadonlySet<string> = new Set(['tools/call', 'tasks/update'])

/** Whether a message with this method may reach its server twice without more effect than once. Of others that is not known. */
export function isRepeatable(method: string): boolean {
  return clientMethods.has(method) && !effective.has(method)
}
