import { Refusal, readBody as readBytes } from '@mcp-gateway/core/internal'

const limit = 64 * 1024
const patience = 10_000
const decoder = new TextDecoder()

/** Reads a request body as text: at most 64 KB, within ten seconds, valid UTF-8. */
export async function readBody(request: Request): Promise<string> {
  const bytes = await inTime(readBytes(request, limit))
  if (bytes === 'too-large') throw new Refusal(413, 'invalid_request', 'The body is larger than 64 KB')
  const text = decoder.decode(bytes)
  // The replacement character stands for bytes that are none
  if (text.includes('\uFFFD')) throw new Refusal(400, 'invalid_request', 'The body is not UTF-8')
  return text
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Refusal(408, 'invalid_request', 'The body did not arrive in time'))
    }, patience)
    work.then(resolve, reject).then(() => clearTimeout(timer))
  })
}
