import { followLogin } from '@mcp-gateway/oauth-server/testing'

/** Where a person ended up, and by which pages. */
export interface Outcome {
  /** The client's callback, with what the authorization server appended; it was not requested yet. */
  readonly callback: URL
  /** The titles of the pages that they answered. */
  readonly pages: readonly string[]
}

/** A person with a browser who wants the client to get in: allows what it asks for, and signs in under a name. */
export function createPerson({ name }: { name: string }) {
  return {
    /** Opens an authorization URL, as a client asks for it, and goes on until the client is called back. */
    async authorize(authorizationUrl: URL | string): Promise<Outcome> {
      const pages: string[] = []
      const browse = async (url: string, init: RequestInit): Promise<Response> => {
        const headers = new Headers(init.headers)
        headers.set('Accept', 'text/html')
        // What a browser adds to a form that a page posts to its own site.
        if (init.method === 'POST') headers.set('Origin', new URL(url).origin)
        if (init.method === 'POST') headers.set('Sec-Fetch-Site', 'same-origin')
        const response = await fetch(url, { ...init, headers })
        const title = /<title>(.*?)<\/title>/is.exec(await response.clone().text())?.[1]
        if (title) pages.push(title)
        return response
      }
      const redirectUri = new URL(authorizationUrl).searchParams.get('redirect_uri') ?? ''
      const callback = await followLogin(authorizationUrl, redirectUri, { fetch: browse, userName: name })
      return { callback, pages }
    },
  }
}
