/**
 * Plays the person at an authorization server: follows redirects, types a name into the first text field that it is
 * shown, presses the first button of each page, and stops at the client's callback.
 *
 * @param {string} url the authorization request
 * @param {string} name what is typed
 * @param {typeof fetch} send how a request gets there
 * @returns {Promise<string>} the callback, with what it was called with
 */
export async function logIn(url, name, send = fetch) {
  const { origin } = new URL(url)
  const cookies = new Map()
  let request = { url, init: {} }
  for (let step = 0; step < 20; step++) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const response = await send(request.url, {
      ...request.init,
      redirect: 'manual',
      headers: { Cookie: cookie, Origin: origin, 'Sec-Fetch-Site': 'same-origin' },
    })
    if (new URL(request.url).origin !== origin) return request.url
    for (const line of response.headers.getSetCookie()) {
      const [, key, value] = line.match(/^([^=]+)=([^;]*)/)
      cookies.set(key, value)
    }
    const location = response.headers.get('location')
    const page = await response.text()
    if (location) request = { url: new URL(location, request.url).href, init: {} }
    else if (response.ok) request = submit(page, request.url, name)
    else throw new Error(`${request.url} answered ${response.status}: ${page.slice(0, 500)}`)
  }
  throw new Error('The login does not end')
}

/** The request that the first form of a page makes. */
function submit(page, url, name) {
  const form = page.match(/<form\b([^>]*)>([\s\S]*?)<\/form>/i)
  if (!form) throw new Error(`There is no form on ${url}`)
  const body = new URLSearchParams()
  for (const [tag] of form[2].matchAll(/<input\b[^>]*>/gi)) {
    const type = attribute(tag, 'type') ?? 'text'
    const unchecked = /^(checkbox|radio)$/.test(type) && !/\schecked\b/i.test(tag)
    if (attribute(tag, 'name') && !unchecked) {
      body.append(attribute(tag, 'name'), type === 'text' ? name : (attribute(tag, 'value') ?? 'on'))
    }
  }
  const button = form[2].match(/<button\b[^>]*>/i)?.[0] ?? ''
  if (attribute(button, 'name')) body.append(attribute(button, 'name'), attribute(button, 'value') ?? '')
  const action = new URL(attribute(form[1], 'action') ?? '', url).href
  return { url: action, init: { method: attribute(form[1], 'method') ?? 'get', body } }
}

function attribute(tag, name) {
  const value = tag.match(new RegExp(`\\s${name}="([^"]*)"`, 'i'))?.[1]
  return value?.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, entity) => entities[entity])
}

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" }
