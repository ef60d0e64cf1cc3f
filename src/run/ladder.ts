/** A way to get a call answered: one model of one provider, streamed or not. */
export interface Rung {
  readonly provider: string;
  /** Model id as the provider knows it. */
  readonly model: string;
  readonly stream: boolean;
}
