import { scanLists } from '../catalogue/scan-lists.js'
import type { Message, MessageTransform } from '../contract/message.js'
import type { Decision } from '../contract/policy.js'
import { jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { member } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'
import { messageParts } from '../message/message-parts.js'
import { withBytes } from '../message/parse-message.js'
import { errorCodes } from '../protocol/error-codes.js'
import { type Asker, inputOf } from './asker.js'
import { withoutHiddenValues } from './completions.js'
import { decide, isPromise } from './decide.js'
import { withPrivateScope } from './filter-lists.js'
import type { KeptLists } from './kept-lists.js'
import type { ListedParts } from './listed-parts.js'
import { useOf } from './operation.js'
import { unknownError } from './refusals.js'
import { type Filtered, visibleOnly } from './visible-only.js'

/** Whose answers are filtered. */
export interface AnswerFilter {
  readonly asker: Asker
  /** The request; `undefined` for a stream that answers none. */
  readonly asked: Message | undefined
  readonly session: string | null
  readonly parts: ListedParts
  readonly kept: KeptLists
  /** Hears of each message of the answer to `resources/read`: whether it says that the server does not know the resource. */
  readonly onRead?: (isUnknown: boolean) => void
}

/**
 * Makes the transform that takes out of the answers to a request what its caller may not use. It goes by what an answer holds
 * and not by what was asked, since a stream of the legacy era may repeat answers to other requests.
 */
export function filterAnswer(filter: AnswerFilter): MessageTransform {
  const { asker, asked, onRead } = filter
  return (message) => {
    if (message.kind !== 'response') {
      onRead?.(false)
      return heard(filter, message)
    }
    if (asked?.method === 'completion/complete')
      return changedLater(message, withoutHiddenValues(asker, asked, message))
    if (asked?.method === 'server/discover') return changedTo(message, withPrivateScope(message.bytes))
    if (asked?.method === 'resources/read') return readAnswer(filter, asked, message)
    return filterLists(filter, message)
  }
}

function filterLists(
  { asker, asked, session, parts, kept }: AnswerFilter,
  message: Message,
): Message | Promise<Message> {
  const isAnswer = asked !== undefined && message.id === asked.id
  const same = isAnswer ? kept.find(asker, asked, message) : undefined
  if (same !== undefined && isAnswer) {
    if (same.listing !== undefined) parts.relearn(asker, session, asked, same.listing)
    return changedTo(message, same.filtered)
  }
  const { bytes } = message
  const scanned = scanLists(bytes)
  // What was completed is not known of an answer that is repeated
  if (scanned.isMalformed || (asked === undefined && scanned.completion !== undefined)) return unreadable(message)
  if (!isAnswer) return changedLater(message, visibleOnly(asker, bytes, scanned))
  const listing = parts.learn(asker, session, asked, { bytes, scanned })
  let decided: readonly Decision[] = []
  const filtered = visibleOnly(asker, bytes, scanned, (decisions) => {
    decided = decisions
  })
  const keep = (found: Filtered): Message => {
    if (found !== 'unavailable') kept.keep(asker, asked, { bytes, filtered: found, listing }, decided)
    return changedTo(message, found)
  }
  return isPromise(filtered) ? filtered.then(keep) : keep(filtered)
}

/**
 * What a server says of a resource that it does not know becomes what is said of one that is hidden. There is no list by which
 * that could be known before it is asked.
 */
function readAnswer({ onRead }: AnswerFilter, asked: Message, message: Message): Message {
  const parts = messageParts(message.bytes)
  const error = 'why' in parts ? undefined : parts.error
  const code = parseSpan(message.bytes, member(message.bytes, error, 'code'))
  const isUnknown = code === errorCodes.resourceNotFound || code === errorCodes.invalidParams
  onRead?.(isUnknown)
  if (!isUnknown) {
    return changedTo(message, withPrivateScope(message.bytes))
  }
  return message.with(unknownError(asked, { kind: 'resource', name: asked.name ?? '' }))
}

/** What a server tells of changes goes to those who may use what has changed. */
function heard(
  { asker, asked, session, parts }: AnswerFilter,
  message: Message,
): Message | undefined | Promise<Message | undefined> {
  const { method } = message
  if (method === 'notifications/tools/list_changed') parts.changed('tool', asker, session, asked)
  if (method === 'notifications/prompts/list_changed') parts.changed('prompt', asker, session, asked)
  if (method !== 'notifications/resources/updated') return message
  const uri = message.json().params?.uri
  if (typeof uri !== 'string') return undefined
  const decision = decide(
    asker.rules,
    inputOf(asker, { action: useOf.resource, kind: 'resource', name: uri }, undefined),
    asker,
  )
  const pass = ({ allow }: Decision) => (allow ? message : undefined)
  return isPromise(decision) ? decision.then(pass) : pass(decision)
}

function changedLater(message: Message, filtered: Filtered | Promise<Filtered>): Message | Promise<Message> {
  return isPromise(filtered) ? filtered.then((bytes) => changedTo(message, bytes)) : changedTo(message, filtered)
}

function changedTo(message: Message, filtered: Filtered): Message {
  if (filtered === 'unavailable') {
    return failure(message, 503, 'The policy cannot be asked now; try again')
  }
  return filtered === message.bytes ? message : withBytes(message, filtered)
}

function unreadable(message: Message): Message {
  return failure(message, 502, 'The server answered with a list that cannot be filtered')
}

function failure(message: Message, status: number, text: string): Message {
  return message.with(jsonRpcErrorBody({ status, message: text, id: message.id }))
}
