import { parseSpan, rawJson } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import type { EraFailure } from '../era-failure.js'
import type { EraCaller } from '../era-server.js'

const maxRounds = 5
const maxPages = 16

/**
 * Asks the client to visit the pages that a legacy server names in its error, before it wants to be called again.
 *
 * @returns whether it shall be called again
 */
export async function askForUrls({ error, code }: EraFailure, caller: EraCaller, round: number): Promise<boolean> {
  if (code !== errorCodes.urlElicitationRequired || round >= maxRounds) return false
  const { data } = (parseSpan(error, { start: 0, end: error.length }) ?? {}) as { data?: { elicitations?: unknown } }
  const pages = data?.elicitations
  if (!Array.isArray(pages) || pages.length === 0 || pages.length > maxPages) return false
  const answers = await Promise.all(
    pages.map((page) => caller.ask({ method: 'elicitation/create', params: rawJson(JSON.stringify(page)) })),
  )
  return answers.every((answer) => {
    if (!('result' in answer)) return false
    const result = parseSpan(answer.result, { start: 0, end: answer.result.length }) as { action?: unknown } | undefined
    return result?.action === 'accept'
  })
}
