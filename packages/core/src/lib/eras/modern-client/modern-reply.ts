import { rawResponse } from '../../json/json-rpc.js'
import { rawJson } from '../../json/raw-json.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import type { EraRequest, RawJson } from '../era-server.js'

/** Where the answer to one request of a modern client goes. Nothing comes after one of the last four. */
export interface ModernReply {
  /** A notification that belongs to the request, as a whole message. */
  related(message: RawJson): void
  /** The answer as a whole message, with the code when it is an error. */
  answered(message: RawJson, errorCode?: number): void
  /** The answer as a whole message, where it is a question: the call waits for the retry. */
  inputRequired(message: RawJson): void
  /** The call has a question, and too many calls of this user, or of all, wait for answers already. */
  refused(why: 'too_many' | 'too_many_of_yours'): void
  /** The server of a `subscriptions/listen` is gone. */
  lost(): void
}

/** The whole message of a result that asks for input (MCP M20). */
export function inputRequiredMessage(
  id: RawJson,
  questions: readonly (readonly [string, EraRequest])[],
  requestState: string,
  serverInfo: RawJson | undefined,
): RawJson {
  const parts = questions.flatMap(([key, { method, params }], index) => {
    const head = `${index === 0 ? '' : ','}"${key}":{"method":"${method}"`
    return params === undefined ? [`${head}}`] : [`${head},"params":`, params, '}']
  })
  const meta = serverInfo === undefined ? [] : [`,"_meta":{"${metaKeys.serverInfo}":`, serverInfo, '}']
  const head = '{"resultType":"input_required","inputRequests":{'
  return rawResponse(id, { result: rawJson(head, ...parts, `},"requestState":"${requestState}"`, ...meta, '}') })
}
