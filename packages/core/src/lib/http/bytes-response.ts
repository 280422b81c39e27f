type Content = string | Uint8Array

/**
 * A `Response` that holds its body as bytes or text beside the platform's own, which stays empty. Every way to read the
 * body goes through a plain response that is made when it is first needed.
 */
export class BytesResponse extends Response {
  #content: Content | undefined
  #plain: Response | undefined

  constructor(content: Content, init: ResponseInit) {
    super(null, init)
    this.#content = content
  }

  /** The body, if nobody has asked for it in another way. */
  static contentOf(response: Response): Content | undefined {
    return #content in response ? response.#content : undefined
  }

  /** The same response as the platform makes it. */
  static toPlain(response: Response): Response {
    return #content in response ? response.#toPlain() : response
  }

  #toPlain(): Response {
    if (this.#plain === undefined) {
      const { status, statusText, headers } = this
      this.#plain = new Response(this.#content as BodyInit, { status, statusText, headers })
      this.#content = undefined
    }
    return this.#plain
  }

  override get body(): Response['body'] {
    return this.#toPlain().body
  }

  override get bodyUsed(): boolean {
    return this.#plain?.bodyUsed ?? false
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#toPlain().arrayBuffer()
  }

  override blob(): Promise<Blob> {
    return this.#toPlain().blob()
  }

  override clone(): Response {
    return this.#toPlain().clone()
  }

  override formData(): Promise<FormData> {
    return this.#toPlain().formData()
  }

  override json(): Promise<unknown> {
    return this.#toPlain().json()
  }

  override text(): Promise<string> {
    return this.#toPlain().text()
  }
}
