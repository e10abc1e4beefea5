//! The hosted inference API of Hugging Face: one address, at which a model does what it was made for.
//!
//! A classifier's answer is nested, `[[{label, score}, …]]`, for one text, too: that is what `InferenceClient` takes apart.

use std::str::FromStr;

use nimbert::{Filled, Hypotheses, ReadOptions, Scoring, TagOptions, Task};
use serde_json::Value;

use crate::forms::{AnswerForm, EntityForm, WordForm};

use super::{
    call::{Answer, Call},
    failure::Failure,
    fields::Fields,
    forms::{LabelScore, OneOrMany, labels},
    inputs::{of_pipeline, texts, truncation},
    tei,
};

/// What `{}` in a template is for, unless one is given.
const TEMPLATE: &str = "This example is {}.";

/// `POST /` and `/models/NAME`
pub(super) async fn ask(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    if fields.has("query") {
        return tei::rerank_fields(call, fields).await;
    }
    let inputs: Value = fields.need("inputs")?;
    let parameters = fields.object("parameters")?;
    // Of waiting for a model to be loaded and of caches, which there are none of.
    drop(fields.take::<Value>("options")?);
    let is_similarity = inputs.get("source_sentence").is_some();
    match call.served.task() {
        _ if is_similarity => tei::similarity_fields(call, inputs, parameters, fields).await,
        Task::Embed => tei::embed_fields(call, inputs, parameters, fields).await,
        Task::Tag => tag(call, inputs, parameters, fields).await,
        Task::Answer => answer(call, inputs, parameters, fields).await,
        Task::FillMask => fill(call, inputs, parameters, fields).await,
        _ if parameters.has("candidate_labels") => zero_shot(call, inputs, parameters, fields).await,
        _ => classify(call, inputs, parameters, fields).await,
    }
}

async fn classify(mut call: Call, inputs: Value, mut parameters: Fields, mut root: Fields) -> Answer {
    let top_k = at_least_one(&mut parameters, "top_k")?;
    let function: Option<String> = parameters.take("function_to_apply")?;
    let raw: Option<bool> = root.take("raw_scores")?;
    let truncation = truncation(&mut root)?;
    parameters.end("top_k, function_to_apply")?;
    root.end("inputs, parameters, options, truncate, truncation_direction, raw_scores")?;
    let raw = raw.unwrap_or_default().then_some(Scoring::Identity);
    let scoring = named(function.as_deref(), "function_to_apply")?.or(raw);
    let inputs = of_pipeline(inputs)?;
    call.check_count(inputs.all.len(), "inputs")?;
    let found = call.served.classify(&inputs.all, truncation, scoring, &mut call.usage).await?;
    let all: Vec<_> = found.iter().map(|found| labels(found, top_k)).collect();
    call.reply(&all).await
}

async fn tag(mut call: Call, inputs: Value, mut parameters: Fields, root: Fields) -> Answer {
    let strategy: Option<String> = parameters.take("aggregation_strategy")?;
    let mut options = TagOptions::default().stride(parameters.take::<usize>("stride")?);
    if let Some(labels) = parameters.take("ignore_labels")? {
        options = options.ignore_labels(labels);
    }
    parameters.end("aggregation_strategy, ignore_labels, stride")?;
    root.end("inputs, parameters, options")?;
    if let Some(aggregation) = named(strategy.as_deref(), "aggregation_strategy")? {
        options = options.aggregation(aggregation);
    }
    let (texts, is_one) = texts(inputs, "inputs")?;
    call.check_count(texts.len(), "inputs")?;
    let found = call.served.tag(&texts, &options, &mut call.usage).await?;
    let all = found.iter().map(|text| text.entities.iter().map(EntityForm::from).collect::<Vec<_>>());
    call.reply(&OneOrMany::of(is_one, all.collect())).await
}

async fn answer(mut call: Call, inputs: Value, mut parameters: Fields, root: Fields) -> Answer {
    let mut asked = Fields::new(inputs, "inputs")?;
    let (question, context): (String, String) = (asked.need("question")?, asked.need("context")?);
    asked.end("question, context")?;
    let usual = ReadOptions::default();
    let top_k = at_least_one(&mut parameters, "top_k")?.unwrap_or(1);
    let count = |parameters: &mut Fields, key: &str, usual: usize| {
        Ok::<_, Failure>(at_least_one(parameters, key)?.unwrap_or(usual))
    };
    let options = usual
        .clone()
        .top_k(top_k)
        .max_answer_tokens(count(&mut parameters, "max_answer_len", usual.max_answer_tokens)?)
        .max_question_tokens(count(&mut parameters, "max_question_len", usual.max_question_tokens)?)
        .handle_impossible(parameters.take("handle_impossible_answer")?.unwrap_or(usual.handle_impossible))
        .align_to_words(parameters.take("align_to_words")?.unwrap_or(usual.align_to_words))
        .stride(parameters.take::<usize>("doc_stride")?);
    let window = parameters.take("max_seq_len")?;
    parameters.end(
        "top_k, max_answer_len, max_question_len, max_seq_len, doc_stride, handle_impossible_answer, align_to_words",
    )?;
    root.end("inputs, parameters, options")?;
    let found = call.served.answer([&question, &context], window, &options, &mut call.usage).await?;
    let all: Vec<_> = found.answers.iter().map(AnswerForm::from).collect();
    call.reply(&OneOrMany::of(top_k == 1, all)).await
}

async fn fill(mut call: Call, inputs: Value, mut parameters: Fields, root: Fields) -> Answer {
    let top_k = at_least_one(&mut parameters, "top_k")?.unwrap_or(5);
    let targets: Option<Value> = parameters.take("targets")?;
    parameters.end("top_k, targets")?;
    root.end("inputs, parameters, options")?;
    let targets = targets.map(|targets| texts(targets, "parameters.targets")).transpose()?;
    let (texts, is_one) = texts(inputs, "inputs")?;
    call.check_count(texts.len(), "inputs")?;
    let targets = targets.as_ref().map(|(words, _)| words.as_slice());
    if let Some(targets) = targets {
        call.check_count(targets.len(), "parameters.targets")?;
    }
    let found = call.served.fill(&texts, targets, top_k, &mut call.usage).await?;
    let all =
        found.iter().map(|text| OneOrMany::of(true, text.masks.iter().map(|mask| words(mask)).collect()));
    call.reply(&OneOrMany::of(is_one, all.collect())).await
}

async fn zero_shot(mut call: Call, inputs: Value, mut parameters: Fields, root: Fields) -> Answer {
    let labels = match parameters.need("candidate_labels")? {
        Value::String(labels) => labels.split(',').map(|label| label.trim().to_owned()).collect(),
        list => texts(list, "parameters.candidate_labels")?.0,
    };
    let template: Option<String> = parameters.take("hypothesis_template")?;
    let multi_label = parameters.take("multi_label")?.unwrap_or(false);
    parameters.end("candidate_labels, hypothesis_template, multi_label")?;
    root.end("inputs, parameters, options")?;
    call.served.check_can(Task::ZeroShot)?;
    // Of each label a text is made, before anything is counted in tokens.
    let template = template.as_deref().unwrap_or(TEMPLATE);
    let gaps = template.matches("{}").count();
    let most = call.app.limits.body_bytes;
    let size = labels.iter().map(|label: &String| template.len() + label.len()).sum::<usize>();
    if gaps != 1 || size > most {
        let message = format!(
            "`parameters.hypothesis_template` has {gaps} {{}}, and with all labels {size} bytes: expected one, and at most {most} bytes"
        );
        return Err(Failure::validation(message));
    }
    let names: Vec<_> = labels.iter().map(String::as_str).collect();
    call.check_count(names.len(), "parameters.candidate_labels")?;
    let hypotheses = Hypotheses::new(&names, template, multi_label)?;
    let (texts, is_one) = texts(inputs, "inputs")?;
    call.check_count(texts.len() * labels.len(), "inputs")?;
    let found = call.served.rank_labels(&texts, &hypotheses, &mut call.usage).await?;
    let each = |label: &nimbert::Hypothesis| LabelScore { label: &labels[label.index], score: label.score };
    let all = found.iter().map(|text| text.labels.iter().map(each).collect::<Vec<_>>());
    call.reply(&OneOrMany::of(is_one, all.collect())).await
}

fn words(mask: &[Filled]) -> Vec<WordForm<'_>> {
    mask.iter().map(WordForm::from).collect()
}

/// More of anything is nobody's wish: so many answers, or tokens of one.
const MOST: usize = 1024;

/// What the library knows by a name.
fn named<T: FromStr<Err = String>>(name: Option<&str>, key: &str) -> Result<Option<T>, Failure> {
    let read = name.map(str::parse).transpose();
    read.map_err(|reason| Failure::validation(format!("`parameters.{key}`: {reason}")))
}

fn at_least_one(parameters: &mut Fields, key: &str) -> Result<Option<usize>, Failure> {
    match parameters.take(key)? {
        Some(0) => Err(Failure::validation(format!("`parameters.{key}`: 0 is not at least 1"))),
        Some(n) if n > MOST => {
            Err(Failure::validation(format!("`parameters.{key}`: {n} is more than {MOST}")))
        }
        found => Ok(found),
    }
}
