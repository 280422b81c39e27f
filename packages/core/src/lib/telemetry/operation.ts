import type { RequestRecord } from '../contract/request-record.js'
import { clientMethods } from '../protocol/methods.js'
import { other } from './conventions.js'

/** What telemetry tells of a message, in a bounded number of values. */
export interface Operation {
  /** The method, or `_OTHER` for one that MCP does not have. */
  readonly method: string
  /** Why it failed; absent where it did not. */
  readonly errorType?: string
}

/** Reads what became of a message; its answer, or its request, has to be over. */
export function operationOf(record: RequestRecord): Operation {
  return { method: knownMethod(record.message?.method), errorType: errorTypeOf(record) }
}

/** Clients may invent methods by the thousand, and each name would be kept for as long as the process lives. */
function knownMethod(method: string | undefined): string {
  return method !== undefined && clientMethods.has(method) ? method : other
}

/** `error.type` of the conventions: the JSON-RPC code, `tool_error`, the code of a refusal or the HTTP status. */
function errorTypeOf({ answer, refusal, status = 0 }: RequestRecord): string | undefined {
  if (answer?.kind === 'tool_error') return 'tool_error'
  if (answer?.kind === 'error') return answer.code === undefined ? other : codeOf(answer.code)
  if (refusal !== undefined) return codeOf(refusal.code)
  if (status >= 400) return String(status)
  return undefined
}

/** Codes are of our own pieces, or of an application's middleware; a server's may be any number. */
export function codeOf(code: string | number): string {
  if (typeof code === 'number') return Number.isInteger(code) && code >= -33000 && code < 1000 ? String(code) : other
  return /^[a-z][\w.-]{0,63}$/i.test(code) ? code : other
}

/** The MCP messages that a request had. Answers of clients, and requests of which no message was read, are none. */
export function messagesOf(record: RequestRecord): readonly RequestRecord[] {
  return (record.parts ?? [record]).filter(({ message }) => message?.method !== undefined)
}

/** Calls the listener when a request is over: at once where it is. */
export function whenOver(record: RequestRecord, listener: () => void): void {
  if (record.times.end === undefined) record.onEnd(listener)
  else listener()
}

/** Seconds from the arrival of a request until its answer had gone. */
export function secondsOf({ times }: RequestRecord): number {
  return Math.max(0, ((times.end ?? performance.now()) - times.start) / 1000)
}
