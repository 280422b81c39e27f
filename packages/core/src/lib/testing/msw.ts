/** The part of msw's `http` that is used here, so that any version of msw fits and none is required. */
export interface MswHttp<H> {
  all(path: string, resolver: (info: { request: Request }) => Promise<Response>): H
}
