import { foldName } from '../json/fold-name.js'
import { callerKeys, metaKeys } from '../protocol/meta-keys.js'

/** The member names that the protocol gives to one kind of object. */
export interface MemberNames {
  /** By the name as the protocol writes it: the names of the object that the member is, or `null` where it has none. */
  readonly inner: ReadonlyMap<string, MemberNames | null>
  /** The name by what {@link foldName} makes of it. */
  readonly folded: ReadonlyMap<string, string>
}

function memberNames(names: readonly string[], objects: Record<string, MemberNames> = {}): MemberNames {
  const inner = new Map<string, MemberNames | null>([
    ...names.map((name) => [name, null] as const),
    ...Object.entries(objects),
  ])
  return { inner, folded: new Map([...inner.keys()].map((name) => [foldName(name), name])) }
}

const meta = memberNames(
  ['progressToken', ...callerKeys, metaKeys.subscriptionId, 'traceparent', 'tracestate', 'baggage'],
  { [metaKeys.relatedTask]: memberNames(['taskId']) },
)

const params = memberNames(
  [
    'name',
    'arguments',
    'uri',
    'argument',
    'context',
    'cursor',
    'level',
    'protocolVersion',
    'capabilities',
    'clientInfo',
    'requestId',
    'reason',
    'progressToken',
    'progress',
    'total',
    'message',
    'taskId',
    'status',
    'statusMessage',
    'createdAt',
    'lastUpdatedAt',
    'ttl',
    'pollInterval',
    'inputResponses',
    'requestState',
  ],
  {
    _meta: meta,
    ref: memberNames(['type', 'name', 'title', 'uri']),
    task: memberNames(['taskId', 'ttl', 'pollInterval']),
    notifications: memberNames([
      'toolsListChanged',
      'promptsListChanged',
      'resourcesListChanged',
      'resourceSubscriptions',
      'taskIds',
    ]),
  },
)

/** The names in a JSON-RPC message, and in those of its objects that say what a request is about, in all revisions. */
export const envelopeNames: MemberNames = memberNames(['jsonrpc', 'id', 'method', 'result', 'error'], { params })
