// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {Receipts} from "../../contracts/assets/Receipts.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {LicenceKind, LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {IReceipts, Receipt} from "../../contracts/interfaces/IReceipts.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";
import {SignatureLib} from "../../contracts/libraries/SignatureLib.sol";
import {MockWallet} from "../../contracts/mocks/MockWallet.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function etch(address target, bytes calldata code) external;
    function sign(uint256 key, bytes32 hash) external pure returns (uint8 v, bytes32 r, bytes32 s);
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title SignaturesOfPeople: a person who lets code act for the account (EIP-7702) still signs by the key.
contract SignaturesOfPeople {
    uint256 private constant KEY = 0xA11CE;
    uint256 private constant OTHER = 0xB0B;

    AssetRegistry private _registry;
    address private immutable _person = VM.addr(KEY);

    function setUp() external {
        RegistryAuthority authority = new RegistryAuthority(address(this));
        _registry = new AssetRegistry(
            address(authority), new Directory(address(authority)), new Lineage(), address(this), 0
        );
        LicenceTerms[] memory licences = new LicenceTerms[](1);
        licences[0].kind = LicenceKind.Use;
        licences[0].amount = 5;
        _registry.publish(
            address(this),
            Publication("digest", address(0), DerivativeTerms(false, 0), new Parent[](0), 0, licences)
        );
        _registry.grant(1, 0, _person, 1, false);
    }

    /// @notice Whatever acts for the person, the key signs; and nobody else's does.
    function testFuzz_theKeySignsWhateverActsForThePerson(address delegate, bytes32 hash) external {
        VM.etch(_person, abi.encodePacked(hex"ef0100", delegate));
        assert(SignatureLib.isValid(_person, hash, _sign(KEY, hash)));
        assert(!SignatureLib.isValid(_person, hash, _sign(OTHER, hash)));
        assert(!SignatureLib.isValid(_person, hash, ""));
    }

    /// @notice Code that acts for nobody answers for itself, also if it has that size.
    function testFuzz_otherCodeAnswersForItself(bytes20 rest, bytes32 hash) external {
        VM.etch(_person, abi.encodePacked(hex"600100", rest));
        assert(!SignatureLib.isValid(_person, hash, _sign(KEY, hash)));
    }

    /// @notice A contract signs as its code says, a person without code by the key.
    function testFuzz_contractsAndPlainPeopleSignAsBefore(bytes32 hash) external {
        address wallet = address(new MockWallet(_person));
        assert(SignatureLib.isValid(wallet, hash, _sign(KEY, hash)));
        assert(!SignatureLib.isValid(wallet, hash, _sign(OTHER, hash)));
        assert(SignatureLib.isValid(_person, hash, _sign(KEY, hash)));
        assert(!SignatureLib.isValid(_person, hash, _sign(OTHER, hash)));
    }

    /// @notice So a receipt is as good with code as without.
    function test_aReceiptIsGoodWhateverActsForItsHolder() external {
        Receipts receipts = _registry.receipts();
        VM.etch(_person, abi.encodePacked(hex"ef0100", address(_registry)));
        Receipt memory receipt = Receipt(1, 0, _person, 2, address(0), 0, 0, type(uint48).max);
        bytes32 hash = receipts.hashReceipt(receipt);
        try receipts.consumeWithReceipt(receipt, _sign(OTHER, hash)) {
            assert(false);
        } catch (bytes memory reason) {
            assert(bytes4(reason) == IReceipts.InvalidReceiptSignature.selector);
        }
        receipts.consumeWithReceipt(receipt, _sign(KEY, hash));
        assert(_registry.accessOf(1, 0, _person).uses == 3);
    }

    function _sign(uint256 key, bytes32 hash) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, hash);
        return abi.encodePacked(r, s, v);
    }
}
