import { Refusal } from './refusal.js'

const limit = 64 * 1024
const patience = 10_000

/** Reads a request body as text: at most 64 KB, within ten seconds, valid UTF-8. */
export async function readBody(request: Request): Promise<string> {
  const length = request.headers.get('content-length')
  if (Number(length ?? 0) > limit) throw tooLarge()
  const text = await inTime(length === null ? readStream(request) : request.text())
  if (text.length > limit) throw tooLarge()
  // The replacement character stands for bytes that are none
  if (text.includes('\uFFFD')) throw new Refusal(400, 'invalid_request', 'The body is not UTF-8')
  return text
}

/** A body that does not say how long it is, is counted on its way. */
async function readStream({ body }: Request): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge()
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Refusal(408, 'invalid_request', 'The body did not arrive in time'))
    }, patience)
    work.then(resolve, reject).then(() => clearTimeout(timer))
  })
}

function tooLarge(): Refusal {
  return new Refusal(413, 'invalid_request', 'The body is larger than 64 KB')
}
