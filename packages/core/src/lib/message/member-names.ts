import { foldName } from '../json/fold-name.js'
import { callerKeys, metaKeys } from '../protocol/meta-keys.js'

/** A member name of the protocol. */
export interface KnownName {
  readonly name: string
  /** A number of one bit, its own among the names of the object. */
  readonly bit: number
  /** The names of the object that the member is, where it has some. */
  readonly inner: MemberNames | undefined
}

/** The member names that the protocol gives to one kind of object. */
export class MemberNames {
  /** Most are told apart by their length; to hash a name that was just cut out of a text takes longer. */
  readonly #byLength: KnownName[][] = []
  readonly #folded: ReadonlyMap<string, string>

  constructor(names: readonly string[], objects: Readonly<Record<string, MemberNames>> = {}) {
    const all = [...names, ...Object.keys(objects)]
    if (all.length > 32) throw new RangeError('Each name needs a bit of its own, and a number has 32')
    for (const [index, name] of all.entries()) {
      while (this.#byLength.length <= name.length) this.#byLength.push([])
      this.#byLength[name.length]?.push({ name, bit: 1 << index, inner: objects[name] })
    }
    this.#folded = new Map(all.map((name) => [foldName(name), name]))
  }

  /** The name that is written so in the protocol. */
  find(name: string): KnownName | undefined {
    const alike = this.#byLength[name.length]
    if (alike === undefined) return undefined
    for (const known of alike) if (known.name === name) return known
    return undefined
  }

  /** The name that another one is to some readers, by what {@link foldName} makes of it. */
  meant(folded: string): string | undefined {
    return this.#folded.get(folded)
  }
}

const meta: MemberNames = new MemberNames(
  ['progressToken', ...callerKeys, metaKeys.subscriptionId, 'traceparent', 'tracestate', 'baggage'],
  { [metaKeys.relatedTask]: new MemberNames(['taskId']) },
)

const params: MemberNames = new MemberNames(
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
    ref: new MemberNames(['type', 'name', 'title', 'uri']),
    task: new MemberNames(['taskId', 'ttl', 'pollInterval']),
    notifications: new MemberNames([
      'toolsListChanged',
      'promptsListChanged',
      'resourcesListChanged',
      'resourceSubscriptions',
      'taskIds',
    ]),
  },
)

/** The names in a JSON-RPC message, and in those of its objects that say what a request is about, in all revisions. */
export const envelopeNames: MemberNames = new MemberNames(['jsonrpc', 'id', 'method', 'result', 'error'], { params })
