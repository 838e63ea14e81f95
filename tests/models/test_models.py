from tests.models.model_tester import ModelTester


class TestEveryModel(ModelTester):
    pass
