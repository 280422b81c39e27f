import type { PolicyInput, PolicyResource } from '../../../contract/policy.js'
import { serverMethods } from '../../../protocol/methods.js'
import type { AuthZenEvaluation } from './access-evaluation.js'

/** What is asked as the server as a whole. The draft does not know those of revision 2026-07-28 yet. */
const wholeServer: ReadonlySet<string> = new Set([...serverMethods, 'subscriptions/listen'])

/** What each method is about. `template` is asked as the resource that it stands for. */
const subjectMethods: ReadonlyMap<string, readonly PolicyResource['kind'][]> = new Map([
  ['tools/call', ['tool']],
  ['prompts/get', ['prompt']],
  ['resources/read', ['resource', 'template']],
  ['resources/subscribe', ['resource', 'template']],
  ['resources/unsubscribe', ['resource', 'template']],
  ['subscriptions/listen', ['resource', 'template', 'task']],
  ['completion/complete', ['prompt', 'resource', 'template']],
  ['tasks/get', ['task']],
  ['tasks/result', ['task']],
  ['tasks/update', ['task']],
  ['tasks/cancel', ['task']],
])

const types: Readonly<Record<PolicyResource['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  template: 'resource',
  task: 'task',
  server: 'mcp_server',
}

/** What COAZ says of a message: a question, or that it passes or is refused without one. */
export type CoazMapping = AuthZenEvaluation | 'pass' | 'deny'

/**
 * Maps a question as the default mapping of COAZ for MCP does: `ping` and notifications pass, and methods that it does not
 * know are denied. Beyond the draft, `server/discover` and `subscriptions/listen` are asked as the server, each URI of the
 * latter as a resource, `tasks/update` as a task, and `resource.properties.server` says whose tool or resource it is.
 *
 * It does not read mappings that tools declare (`x-authzen-mapping`), and sends neither the protocol version of
 * `initialize` nor the level of `logging/setLevel`, which no policy is told.
 *
 * @see https://openid.github.io/authzen/authzen-coaz-mcp-binding-1_0.html
 */
export function coazMapping({ subject, action, resource }: PolicyInput): CoazMapping {
  if (action === 'ping' || action.startsWith('notifications/')) return 'pass'
  const { server, kind, name } = resource
  const isServer = kind === 'server' && wholeServer.has(action)
  const isSubject = kind !== 'server' && name !== undefined && subjectMethods.get(action)?.includes(kind) === true
  if (!isServer && !isSubject) return 'deny'
  return {
    // Without a user the client acts for itself, and is the `sub` of its token (RFC 9068 section 2.2)
    subject: { type: 'identity', id: subject.id ?? subject.clientId },
    action: { name: action },
    resource: isServer
      ? { type: types.server, id: server }
      : { type: types[kind], id: name as string, properties: { server } },
    context: { agent: subject.clientId },
  }
}
