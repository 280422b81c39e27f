/** A page that a person was shown on the way, by its address, and what they did there. */
export interface Step {
  readonly url: URL
  readonly title: string
  readonly pressed: string
}

/** Where a person ended up, and by which pages. */
export interface Outcome {
  /** The client's callback, with what the authorization server appended. */
  readonly callback: URL
  readonly steps: readonly Step[]
}

/**
 * A person with a browser: keeps cookies, follows redirects, types their name into text fields and presses a button on
 * each page that has a form. Stops at the first redirect that leaves the authorization server, without following it.
 *
 * @param options.press which button to press, by its label; the first one of the form unless one matches
 */
export function createPerson({ name, press = /allow|approve|accept/i }: { name: string; press?: RegExp }) {
  const cookies = new Map<string, string>()
  return {
    /** Opens an authorization URL, as a client asks for it, and goes on until the client is called back. */
    async authorize(url: URL | string): Promise<Outcome> {
      const { origin } = new URL(url)
      const steps: Step[] = []
      let request = new Request(url)
      for (let hop = 0; hop < 20; hop += 1) {
        const response = await browse(request, cookies)
        const location = response.headers.get('location')
        if (location) {
          await response.body?.cancel()
          const target = new URL(location, request.url)
          if (target.origin !== origin) return { callback: target, steps }
          request = new Request(target)
          continue
        }
        const page = await response.text()
        if (!response.ok) throw new Error(`${request.url} answered ${response.status}: ${page.slice(0, 500)}`)
        const form = readForm(page, press)
        if (!form) throw new Error(`${request.url} has no form: ${page.slice(0, 500)}`)
        steps.push({
          url: new URL(request.url),
          title: text(page.match(/<title>(.*?)<\/title>/is)?.[1]),
          pressed: form.pressed,
        })
        request = submission(form, request.url, name)
      }
      throw new Error(`The login never ends: ${steps.map((step) => step.title).join(', ')}`)
    },
  }
}

async function browse(request: Request, cookies: Map<string, string>): Promise<Response> {
  const headers = new Headers(request.headers)
  headers.set('Accept', 'text/html')
  if (cookies.size > 0) headers.set('Cookie', [...cookies].map((pair) => pair.join('=')).join('; '))
  const response = await fetch(new Request(request, { headers, redirect: 'manual' }))
  for (const cookie of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = cookie.match(/^([^=]+)=([^;]*)/) ?? []
    if (/;\s*max-age=0/i.test(cookie)) cookies.delete(name)
    else cookies.set(name, value)
  }
  return response
}

interface Form {
  readonly method: string
  readonly action: string
  readonly fields: { name: string; value: string; typed: boolean }[]
  readonly pressed: string
}

function readForm(page: string, press: RegExp): Form | undefined {
  const forms = [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, tag = '', content = '']) => {
    const buttons = [...content.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gis)].map(([, attributes = '', label]) => ({
      name: attribute(attributes, 'name'),
      value: attribute(attributes, 'value') ?? '',
      label: text(label),
    }))
    const wanted = buttons.find(({ label }) => press.test(label))
    const button = wanted ?? buttons[0]
    const fields = [...content.matchAll(/<input\b([^>]*)>/gis)].flatMap(([, attributes = '']) => {
      const type = attribute(attributes, 'type') ?? 'text'
      const ticked = !/^(checkbox|radio)$/.test(type) || /\bchecked\b/.test(attributes)
      const field = attribute(attributes, 'name')
      return field && ticked
        ? [{ name: field, value: attribute(attributes, 'value') ?? '', typed: type === 'text' }]
        : []
    })
    if (button?.name) fields.push({ name: button.name, value: button.value, typed: false })
    const form = {
      method: attribute(tag, 'method') ?? 'get',
      action: attribute(tag, 'action') ?? '',
      fields,
      pressed: button?.label ?? '',
    }
    return { form, wanted: wanted !== undefined }
  })
  return (forms.find(({ wanted }) => wanted) ?? forms[0])?.form
}

function submission(form: Form, page: string, name: string): Request {
  const url = new URL(form.action || page, page)
  const body = new URLSearchParams(form.fields.map((field) => [field.name, field.typed ? name : field.value]))
  if (form.method.toLowerCase() === 'get') {
    url.search = body.toString()
    return new Request(url)
  }
  // What a browser adds to a form that a page posts to its own site.
  const headers = { Origin: url.origin, Referer: page, 'Sec-Fetch-Site': 'same-origin' }
  return new Request(url, { method: 'POST', body, headers })
}

function attribute(tag: string, name: string): string | undefined {
  const value = tag.match(new RegExp(`(?:^|\\s)${name}\\s*=\\s*"([^"]*)"`, 'i'))?.[1]
  return value === undefined ? undefined : text(value)
}

function text(html = ''): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" }
  return html
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, entity: string) => entities[entity] ?? '')
    .trim()
}
